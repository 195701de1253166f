// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/registry/site.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "proxy/registry/pending.h"

namespace entrepot::registry {
namespace {

Options site_options(bool catalog) {
  Options options;
  options.upstreams = {
      {.name = "docker.io", .aliases = {"index.docker.io", "hub"}, .docker_hub = true},
      {.name = "ghcr.io"},
      {.name = "registry.example:5000", .aliases = {"example"}, .restricted = true},
  };
  options.default_upstream = "docker.io";
  options.catalog = catalog;
  options.access_log = false;
  return options;
}

std::vector<metrics::UpstreamLabels> labels() {
  return {{"docker.io", {}}, {"ghcr.io", {}}, {"registry.example:5000", {}}};
}

}  // namespace

Site::Site(bool catalog) : metrics(labels()), registry(site_options(catalog), store, metrics) {}

std::shared_ptr<fakes::Exchange> Site::begin(std::string_view method, std::string_view target,
                                             const std::vector<std::string>& fields) {
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: mirror:5000\r\n");
  for (const std::string& field : fields) head.append(field).append("\r\n");
  head += "\r\n";
  last_ = std::make_shared<fakes::Exchange>(head);
  last_->live_on(executor);
  last_->requests_refused = no_more_requests;
  last_->misses_refused = no_more_misses;
  registry.handle(last_);
  return last_;
}

fakes::Reply Site::send(std::string_view method, std::string_view target,
                        const std::vector<std::string>& fields) {
  const auto exchange = begin(method, target, fields);
  executor.run();
  EXPECT_TRUE(exchange->replied()) << method << " " << target;
  return std::move(*exchange).take();
}

const Call& Site::last_call() const { return call_of(*last_); }

std::shared_ptr<const cache::Content> memory_content(std::string_view bytes,
                                                     std::string_view media_type) {
  return std::make_shared<const cache::Content>(
      cache::Content{.digest = cache::digest_of(cache::Algorithm::sha256, bytes),
                     .size = bytes.size(),
                     .media_type = std::string(media_type),
                     .bytes = std::make_shared<const std::string>(bytes),
                     .file = nullptr,
                     .progress = nullptr});
}

std::shared_ptr<const cache::Content> file_content(std::string_view bytes,
                                                   std::shared_ptr<cache::Progress> progress) {
  const int fd = memfd_create("content", MFD_CLOEXEC);
  if (fd < 0 || write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("memfd");
  return std::make_shared<const cache::Content>(
      cache::Content{.digest = cache::digest_of(cache::Algorithm::sha256, bytes),
                     .size = progress ? progress->size() : bytes.size(),
                     .media_type = {},
                     .bytes = nullptr,
                     .file = std::make_shared<const cache::BlobFile>(fd),
                     .progress = std::move(progress)});
}

cache::Answer hit(std::shared_ptr<const cache::Content> content) {
  cache::Answer answer;
  answer.content = std::move(content);
  return answer;
}

cache::Answer failed(cache::FailureKind kind, std::string message) {
  cache::Answer answer;
  answer.outcome = cache::Outcome::error;
  answer.failure.kind = kind;
  answer.failure.message = std::move(message);
  return answer;
}

std::string code_of(const fakes::Reply& reply) {
  EXPECT_EQ(reply.field("Content-Type"), "application/json");
  EXPECT_EQ(reply.field("Cache-Control"), "no-store");
  const auto document = nlohmann::json::parse(reply.body, nullptr, false);
  if (!document.contains("errors") || document["errors"].size() != 1) {
    ADD_FAILURE() << "not an error document: " << reply.body;
    return {};
  }
  EXPECT_FALSE(document["errors"][0]["message"].get<std::string>().empty());
  return document["errors"][0]["code"];
}

std::string digest_text(std::string_view bytes) {
  return cache::digest_of(cache::Algorithm::sha256, bytes).str();
}

}  // namespace entrepot::registry
