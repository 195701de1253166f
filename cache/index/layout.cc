// SPDX-License-Identifier: Apache-2.0
#include "cache/index/layout.h"

#include <span>

namespace entrepot::cache {
namespace {

// Neither upstream names nor repositories can contain a NUL (name grammar), so keys are
// unambiguous.
void repository_prefix(std::string& out, RepositoryRef repository) {
  out.assign(repository.upstream);
  out.push_back('\0');
  out.append(repository.name);
  out.push_back('\0');
}

void append_digest(std::string& out, const Digest& digest) {
  out.push_back(static_cast<char>(digest.algorithm()));
  const auto bytes = digest.bytes();
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

struct Prefix {
  RepositoryRef repository;
  std::string_view rest;
};

std::optional<Prefix> split_prefix(std::string_view key) {
  const auto first = key.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = key.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return Prefix{{key.substr(0, first), key.substr(first + 1, second - first - 1)},
                key.substr(second + 1)};
}

}  // namespace

std::filesystem::path Layout::blob_folder(const Digest& digest) const {
  return blob(digest).parent_path();
}

std::filesystem::path Layout::blob(const Digest& digest) const { return blob_text(digest); }

std::string Layout::blob_text(const Digest& digest) const {
  const auto hex = digest.hex();
  std::string text;
  text.reserve(directory_.native().size() + hex.size() + 20);
  text.append(directory_.native()).append("/blobs/").append(digest.algorithm_name());
  text.append("/").append(hex, 0, 2).append("/").append(hex);
  return text;
}

std::filesystem::path Layout::fill(const Digest& digest) const {
  return fills() / (std::string(digest.algorithm_name()) + '-' + digest.hex());
}

std::optional<Digest> Layout::fill_digest(const std::filesystem::path& path) const {
  std::string name = path.filename().string();
  const auto dash = name.find('-');
  if (dash == std::string::npos) return std::nullopt;
  name[dash] = ':';
  return Digest::parse(name);
}

std::optional<Digest> Layout::blob_digest(const std::filesystem::path& path) const {
  const auto digest = Digest::parse(path.parent_path().parent_path().filename().string() + ':' +
                                    path.filename().string());
  return digest && blob(*digest) == path ? digest : std::nullopt;
}

std::string digest_key(const Digest& digest) {
  std::string key;
  append_digest(key, digest);
  return key;
}

std::optional<Digest> parse_digest_key(std::string_view key) {
  if (key.empty()) return std::nullopt;
  const auto algorithm = static_cast<std::uint8_t>(key[0]);
  if (algorithm > static_cast<std::uint8_t>(Algorithm::sha512)) return std::nullopt;
  const auto known = static_cast<Algorithm>(algorithm);
  if (key.size() != 1 + Digest::length(known)) return std::nullopt;
  const auto* raw = reinterpret_cast<const std::uint8_t*>(key.data());
  return Digest(known, std::span(raw + 1, key.size() - 1));
}

void tag_key(std::string& out, RepositoryRef repository, std::string_view tag) {
  repository_prefix(out, repository);
  out.append(tag);
}

void link_key(std::string& out, RepositoryRef repository, const Digest& digest) {
  repository_prefix(out, repository);
  append_digest(out, digest);
}

std::string links_prefix(RepositoryRef repository) {
  std::string prefix;
  repository_prefix(prefix, repository);
  return prefix;
}

std::string tag_key(RepositoryRef repository, std::string_view tag) {
  std::string key;
  tag_key(key, repository, tag);
  return key;
}

std::string link_key(RepositoryRef repository, const Digest& digest) {
  std::string key;
  link_key(key, repository, digest);
  return key;
}

std::optional<TagKey> parse_tag_key(std::string_view key) {
  const auto prefix = split_prefix(key);
  if (!prefix || prefix->rest.empty()) return std::nullopt;
  return TagKey{prefix->repository, prefix->rest};
}

std::optional<LinkKey> parse_link_key(std::string_view key) {
  const auto prefix = split_prefix(key);
  if (!prefix) return std::nullopt;
  const auto digest = parse_digest_key(prefix->rest);
  if (!digest) return std::nullopt;
  return LinkKey{prefix->repository, *digest};
}

}  // namespace entrepot::cache
