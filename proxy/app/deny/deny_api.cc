// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/deny_api.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "metrics/printable.h"
#include "proxy/registry/request/query.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;
using access::Denials;
using admin::ApiAnswer;
using http::Method;

constexpr std::size_t longest_by = 256;

/// In ASCII, so that nothing foreign in it acts on a terminal.
ApiAnswer answer(const Json& json, int status = 200) {
  return {status, json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"};
}
ApiAnswer refuse(int status, const std::string& why) { return answer({{"error", why}}, status); }

ApiAnswer all_of(const DenialStore& store) {
  Json denials = Json::array();
  for (const auto& denial : store.list()->list())
    denials.push_back({{"pattern", denial.pattern},
                       {"reason", denial.reason},
                       {"by", denial.by},
                       {"since_ms", denial.since_ms}});
  const auto damage = store.damage();
  return answer({{"denials", std::move(denials)},
                 {"unreadable", damage.empty() ? Json(nullptr) : Json(damage)}});
}

struct Parameter {
  std::string value{};  ///< decoded; empty without the parameter
  std::string fault{};  ///< with its cure; empty if it has none
};

Parameter parameter(const DenyRequest& request, const std::string& name, std::size_t longest) {
  const auto found = registry::find_parameter(request.query, name);
  const auto fault = [&](const std::string& why) { return Parameter{{}, "the " + name + why}; };
  if (found.count > 1) return fault(" is given twice; give one in each request");
  auto value = registry::decode_parameter(found.value, found.value.size());
  if (!value)
    return fault(
        " has a control character, such as the end of a line, or a '%' without two "
        "hexadecimal digits");
  if (!is_utf8(*value)) return fault(" is no UTF-8 text");
  if (value->size() > longest)
    return fault(" is longer than " + std::to_string(longest) + " bytes");
  return {*std::move(value), {}};
}

ApiAnswer result(DenialStore& store, DenialChange change, const std::string& pattern) {
  switch (change) {
    case DenialChange::done:
    case DenialChange::unchanged:
      return all_of(store);
    case DenialChange::absent:
      return refuse(404, printable(pattern) + " is not denied by command");
    case DenialChange::full:
      return refuse(409, "there are " + std::to_string(Denials::most) +
                             " denials already; remove some, or use policy.NAME.deny");
    case DenialChange::failed:
      break;
  }
  return refuse(503, "the cache directory takes no writes; see the log");
}

std::int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

ApiAnswer answer_deny_api(DenialStore& store, const DenyRequest& request) {
  if (request.method == Method::get || request.method == Method::head) return all_of(store);
  if (request.method != Method::post && request.method != Method::del)
    return refuse(405, "only GET, HEAD, POST and DELETE");
  const auto pattern = parameter(request, "pattern", access::Glob::longest_pattern);
  const auto reason = parameter(request, "reason", Denials::longest_reason);
  for (const auto& fault : {pattern.fault, reason.fault})
    if (!fault.empty()) return refuse(400, fault);
  const auto by = request.by.substr(0, longest_by);
  // A denial that a pattern of today may not have, or of an upstream that is gone, can be taken
  // back.
  if (request.method == Method::del && !pattern.value.empty())
    return result(store, store.remove(pattern.value, by), pattern.value);
  if (const auto fault = fault_of_new_denial(pattern.value, request.upstreams))
    return refuse(400, *fault);
  return result(store, store.add({pattern.value, reason.value, by, now_ms()}), pattern.value);
}

}  // namespace entrepot::app
