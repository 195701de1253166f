// SPDX-License-Identifier: Apache-2.0
#include "conf/read_values.h"

#include "conf/json/units.h"

namespace entrepot::conf {

void add_error(Problems& problems, const std::string& path, const Fault& fault) {
  if (fault) problems.error(path, *fault);
}

void required(ObjectReader& in, std::string_view key, std::string& value,
              Fault (*fault_of)(std::string_view)) {
  const auto errors = in.problems().errors.size();
  in.text(key, value);
  if (in.problems().errors.size() > errors) return;
  if (value.empty())
    in.problems().error(in.path(key), "missing");
  else if (fault_of != nullptr)
    add_error(in.problems(), in.path(key), fault_of(value));
}

std::optional<std::filesystem::path> read_file_name(ObjectReader& in, std::string_view key) {
  const auto* name = in.find(key);
  if (name == nullptr || name->is_null()) return std::nullopt;
  std::string file;
  required(in, key, file, nullptr);
  if (file.empty()) return std::nullopt;
  return file;
}

void read_disk_size(ObjectReader& in, std::string_view key, DiskSize& value, std::uint64_t least) {
  const auto* found = in.find(key);
  const bool percent =
      found != nullptr && found->is_string() && found->get_ref<const std::string&>().ends_with('%');
  if (!percent) return in.size(key, value.bytes, least);
  const auto part = parse_percent(found->get_ref<const std::string&>());
  if (!part || (*part == 0 && least > 0))
    return in.problems().error(in.path(key),
                               shown(*found) +
                                   " is not a part of a file system: give a whole number "
                                   "from " +
                                   std::to_string(least > 0 ? 1 : 0) + " to 100, such as \"80%\"");
  value = *part == 0 ? DiskSize() : DiskSize::part(*part);
}

void read_texts(ObjectReader& in, std::string_view key, std::vector<std::string>& texts) {
  in.texts(key, [&](const std::string& text, const std::string&) { texts.push_back(text); });
}

}  // namespace entrepot::conf
