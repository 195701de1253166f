// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/peer/source_address.h"

namespace entrepot::http {

std::string SourceAddress::text() const {
  std::string text = ip.is_v4() ? ip.text() : "[" + ip.text() + "]";
  if (port) text.append(":").append(std::to_string(*port));
  return text;
}

}  // namespace entrepot::http
