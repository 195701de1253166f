// SPDX-License-Identifier: Apache-2.0
// Values that several objects of the configuration have.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/grammar.h"
#include "conf/json/object_reader.h"

namespace entrepot::conf {

/// Adds a problem if there is a fault.
void add_error(Problems& problems, const std::string& path, const Fault& fault);

/// Reads a mandatory text and validates it. `fault_of` null: any text but the empty one is valid.
void required(ObjectReader& in, std::string_view key, std::string& value,
              Fault (*fault_of)(std::string_view));

/// Reads an optional file; nullopt for null as well.
std::optional<std::filesystem::path> read_file_name(ObjectReader& in, std::string_view key);

/// Reads a size, or a percentage such as "80%", of at least `least` (of a percentage: 1 % for a
/// `least` above 0).
void read_disk_size(ObjectReader& in, std::string_view key, DiskSize& value, std::uint64_t least);

/// Appends the entries of a list of texts.
void read_texts(ObjectReader& in, std::string_view key, std::vector<std::string>& texts);

/// Reads an object that may be absent or null.
template <typename Value, typename Read>
void read_optional(ObjectReader& in, std::string_view key, std::optional<Value>& value, Read read) {
  if (const auto* found = in.find(key); found != nullptr && !found->is_null())
    in.object(key, [&](ObjectReader& entry) { value = read(entry); });
}

}  // namespace entrepot::conf
