// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/containers_login.h"

#include <string>
#include <utility>

#include "conf/json/json_edits.h"

namespace entrepot::app {
namespace {

Merged merge(std::string_view existing, const std::string& host, const std::string& value) {
  conf::Problems problems;
  const conf::Member member{"auths", host};
  auto text = conf::set_member(existing, member, value, problems);
  if (!text)
    return {Merged::Outcome::refused,
            problems.errors.front() + "; it is left as it is: mend it and try again",
            {}};
  if (*text == existing) return {Merged::Outcome::unchanged, {}, {}};
  return {Merged::Outcome::changed, std::move(*text), {{member.key, member.name, value}}};
}

}  // namespace

EngineFile login_file(const std::filesystem::path& path, const ClientMirror& mirror,
                      const MirrorAccess& access) {
  // Base64 has no character that JSON escapes.
  const std::string value = "{\"auth\":\"" + access.encoded_login() + "\"}";
  return {path,
          merge("", mirror.authority, value).text,
          [host = mirror.authority, value](std::string_view existing, bool) {
            return merge(existing, host, value);
          },
          true,
          {}};
}

}  // namespace entrepot::app
