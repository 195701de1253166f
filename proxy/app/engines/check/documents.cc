// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/documents.h"

#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr int most_nodes = 100'000;  // aliases of YAML multiply
constexpr int deepest = 100;         // the conversion recurses

class FromYaml {
 public:
  Document convert(const YAML::Node& node, int depth = 0) {
    if (++nodes_ > most_nodes || depth > deepest) throw std::runtime_error("too large");
    if (node.IsScalar()) return node.Scalar();
    if (node.IsSequence()) {
      Document list = Document::array();
      for (const auto& item : node) list.push_back(convert(item, depth + 1));
      return list;
    }
    if (!node.IsMap()) return nullptr;
    Document object = Document::object();
    for (const auto& item : node)
      if (item.first.IsScalar()) object[item.first.Scalar()] = convert(item.second, depth + 1);
    return object;
  }

 private:
  int nodes_ = 0;
};

Document from_toml(std::string_view text) {
  std::ostringstream json;
  json << toml::json_formatter{toml::parse(text)};
  return Document::parse(json.str());
}

}  // namespace

Document parse_document(std::string_view text, DocumentFormat format, const fs::path& file) {
  try {
    switch (format) {
      case DocumentFormat::json:
        return Document::parse(text);
      case DocumentFormat::toml:
        return from_toml(text);
      case DocumentFormat::yaml:
        return FromYaml().convert(YAML::Load(std::string(text)));
    }
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + " cannot be parsed: " + error.what());
  }
  return nullptr;
}

std::optional<Document> read_document(const fs::path& root, const fs::path& file,
                                      DocumentFormat format) {
  const auto path = path_below(root, file);
  const auto text = content_of_file(path);
  if (!text) return std::nullopt;
  return parse_document(*text, format, path);
}

const Document& member(const Document& value, std::string_view key) {
  static const Document none;
  if (!value.is_object()) return none;
  const auto found = value.find(key);
  return found == value.end() ? none : *found;
}

std::string text_of(const Document& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool is_true(const Document& value) {
  return value.is_boolean() ? value.get<bool>() : text_of(value) == "true";
}

bool has_text(const Document& list, std::string_view text) {
  return list.is_array() && std::ranges::any_of(list, [text](const Document& item) {
           auto found = text_of(item);
           if (found.ends_with('/')) found.pop_back();
           return found == text;
         });
}

}  // namespace entrepot::app
