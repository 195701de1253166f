// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/options.h"

#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

std::string endpoint_label(const std::string& url) {
  const auto parsed = Url::parse(url);
  return parsed ? parsed->label() : url;
}

}  // namespace entrepot::upstream
