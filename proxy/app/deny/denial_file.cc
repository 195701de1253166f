// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/denial_file.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int format = 1;

access::Denial denial_of(const Json& json) {
  access::Denial denial{.pattern = json.at("pattern").get<std::string>(),
                        .reason = json.at("reason").get<std::string>(),
                        .by = json.at("by").get<std::string>(),
                        .since_ms = json.at("since_ms").get<std::int64_t>()};
  if (const auto fault = access::Denials::fault(denial.pattern)) throw std::runtime_error(*fault);
  return denial;
}

}  // namespace

LoadedDenials load_denials(const std::filesystem::path& file) {
  const auto text = content_of_file(file);
  LoadedDenials loaded;
  if (!text) return loaded;
  std::size_t number = 0;
  const auto load = [&](const Json& one) {
    ++number;
    try {
      if (loaded.list.size() == access::Denials::most) throw std::runtime_error("too many");
      loaded.list.push_back(denial_of(one));
    } catch (const std::exception& error) {
      if (loaded.damage.empty())
        loaded.damage = file.string() + " cannot be read in its entry " + std::to_string(number) +
                        ": " + error.what();
    }
  };
  try {
    const Json json = Json::parse(*text);
    if (json.at("version") != format) throw std::runtime_error("it has another version");
    const Json& denials = json.at("denials");
    if (!denials.is_array()) throw std::runtime_error("its denials are no list");
    for (const Json& one : denials) load(one);
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + " cannot be read: " + error.what());
  }
  return loaded;
}

void save_denials(const std::filesystem::path& file, const std::vector<access::Denial>& list) {
  Json denials = Json::array();
  for (const auto& denial : list)
    denials.push_back({{"pattern", denial.pattern},
                       {"reason", denial.reason},
                       {"by", denial.by},
                       {"since_ms", denial.since_ms}});
  const Json json = {{"version", format}, {"denials", std::move(denials)}};
  replace_file(file, content_of_file(file),
               json.dump(2, ' ', true, Json::error_handler_t::replace) + "\n",
               {.mode_of_new_file = 0600, .keep_backup = false, .keep_mode = true});
}

}  // namespace entrepot::app
