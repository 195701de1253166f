// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request.h"

namespace entrepot::http {

std::string_view Request::field(std::string_view name) const {
  for (const Field& field : fields_)
    if (field.name == name) return field.value;
  return {};
}

}  // namespace entrepot::http
