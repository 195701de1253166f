// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/refusal/trouble_note.h"

namespace entrepot::upstream {
namespace {

/// The message without the names that the log line of the endpoint has.
std::string phrase_of(std::string_view message, const std::string& what,
                      const EndpointAddress& endpoint) {
  for (const std::string& prefix : {what + ": ", endpoint.upstream() + ": "})
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  return std::string(message);
}

}  // namespace

void note_trouble(Endpoint& endpoint, const std::string& what, EndpointFailure reason,
                  const cache::Failure& failure, std::string_view where) {
  // A refusal by the token server is one all the same.
  if (failure.doubtful && reason == EndpointFailure::token) reason = EndpointFailure::denied;
  endpoint.trouble().failed(
      reason, std::string(where) + phrase_of(failure.message, what, endpoint.address()),
      failure.doubtful);
}

}  // namespace entrepot::upstream
