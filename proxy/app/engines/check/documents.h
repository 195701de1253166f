// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::app {

using Document = nlohmann::json;

/// The formats of the files of engines.
enum class DocumentFormat { json, toml, yaml };

/// Parses a file of an engine into values of JSON; scalars of YAML become texts. Throws
/// std::runtime_error, which names `file`, for anything that is not of the format.
Document parse_document(std::string_view text, DocumentFormat format,
                        const std::filesystem::path& file);

/// Reads a file of the system below `root`; nullopt if it does not exist. Throws as
/// parse_document() and content_of_file().
std::optional<Document> read_document(const std::filesystem::path& root,
                                      const std::filesystem::path& file, DocumentFormat format);

/// The value of a key; null for another kind of value, and without the key.
const Document& member(const Document& value, std::string_view key);

/// The text of a value; empty for another kind of value.
std::string text_of(const Document& value);

/// True for `true` in each format.
bool is_true(const Document& value);

/// True for a list with this text, ignoring a trailing '/' of its elements.
bool has_text(const Document& list, std::string_view text);

}  // namespace entrepot::app
