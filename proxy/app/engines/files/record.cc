// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/files/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "cache/base/digest.h"
#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* record_folder = "/etc/entrepot/client-config";

Json to_json(const WrittenFile& file) {
  Json folders = Json::array(), parts = Json::array();
  for (const auto& folder : file.folders) folders.push_back(folder.string());
  for (const auto& part : file.parts)
    parts.push_back({{"key", part.key}, {"name", part.name}, {"digest", part.digest}});
  return {{"path", file.path.string()},
          {"made", file.made},
          {"secret", file.secret},
          {"digests", file.digests},
          {"original", file.original.string()},
          {"folders", std::move(folders)},
          {"parts", std::move(parts)}};
}

/// Throws Json::exception for any other form.
WrittenFile from_json(const Json& json) {
  WrittenFile file;
  file.path = json.at("path").get<std::string>();
  file.made = json.at("made").get<bool>();
  file.secret = json.at("secret").get<bool>();
  file.digests = json.at("digests").get<std::vector<std::string>>();
  file.original = json.at("original").get<std::string>();
  for (const Json& folder : json.at("folders"))
    file.folders.emplace_back(folder.get<std::string>());
  for (const Json& part : json.at("parts"))
    file.parts.push_back({part.at("key").get<std::string>(), part.at("name").get<std::string>(),
                          part.at("digest").get<std::string>()});
  return file;
}

std::vector<WrittenFile> parse(const std::string& text, const fs::path& file) {
  try {
    std::vector<WrittenFile> files;
    const Json document = Json::parse(text);
    for (const Json& one : document.at("files")) files.push_back(from_json(one));
    return files;
  } catch (const Json::exception&) {
    throw std::runtime_error(
        file.string() +
        " is not as client-config writes it, so the files that it has written are not known: "
        "remove the mirror from the engine's files by hand, then remove this one");
  }
}

auto has_path(const fs::path& path) {
  return [&path](const WrittenFile& file) { return file.path == path; };
}

}  // namespace

std::string record_digest(std::string_view content) {
  return cache::digest_of(cache::Algorithm::sha256, content).str();
}

bool WrittenFile::has_written(std::string_view content) const {
  return std::ranges::find(digests, record_digest(content)) != digests.end();
}

void WrittenFile::add_content(std::string_view content) {
  if (!has_written(content)) digests.push_back(record_digest(content));
}

void WrittenFile::add_parts(const std::vector<AddedPart>& added) {
  for (const auto& part : added) {
    std::erase_if(parts, [&part](const WrittenPart& known) {
      return known.key == part.key && known.name == part.name;
    });
    parts.push_back(
        {part.key, part.name, part.value.empty() ? std::string() : record_digest(part.value)});
  }
}

Record::Record(const fs::path& root, Engine engine)
    : file_(path_below(
          root, fs::path(record_folder) / (std::string(metrics::to_string(engine)) + ".json"))),
      saved_(content_of_file(file_)) {
  if (saved_) files_ = parse(*saved_, file_);
}

const WrittenFile* Record::find(const fs::path& path) const {
  const auto found = std::ranges::find_if(files_, has_path(path));
  return found == files_.end() ? nullptr : &*found;
}

void Record::put(const WrittenFile& file) {
  const auto found = std::ranges::find_if(files_, has_path(file.path));
  if (found == files_.end())
    files_.push_back(file);
  else
    *found = file;
  save();
}

void Record::forget(const fs::path& path) {
  std::erase_if(files_, has_path(path));
  save();
}

void Record::save() {
  if (files_.empty()) {
    if (saved_) remove_file(file_, *saved_);
    saved_.reset();
    std::error_code not_empty;
    if (fs::remove(file_.parent_path(), not_empty))
      fs::remove(file_.parent_path().parent_path(), not_empty);
    return;
  }
  Json files = Json::array();
  for (const auto& file : files_) files.push_back(to_json(file));
  auto text = Json({{"files", std::move(files)}}).dump(2) + "\n";
  if (text == saved_) return;
  // The digest of a file with a short password gives it away.
  replace_file(file_, saved_, text, {.mode_of_new_file = 0600, .keep_backup = false});
  saved_ = std::move(text);
}

}  // namespace entrepot::app
