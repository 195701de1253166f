// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/options.h"

#include "proxy/upstream/url.h"

namespace entrepot::upstream {

std::string endpoint_label(const std::string& url) {
  const auto parsed = Url::parse(url);
  return parsed ? parsed->label() : url;
}

}  // namespace entrepot::upstream
