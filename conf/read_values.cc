// SPDX-License-Identifier: Apache-2.0
#include "conf/read_values.h"

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

void read_texts(ObjectReader& in, std::string_view key, std::vector<std::string>& texts) {
  in.texts(key, [&](const std::string& text, const std::string&) { texts.push_back(text); });
}

}  // namespace entrepot::conf
