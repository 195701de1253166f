// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/link.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

/// The end of the parameter at the start of `text`: at a ';' or ',' outside quotes.
std::size_t parameter_end(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ';' || c == ',')) {
      return i;
    }
  }
  return text.size();
}

/// rel holds one relation or several, separated by spaces.
bool names_next(std::string_view relations) {
  if (relations.size() >= 2 && relations.front() == '"' && relations.back() == '"') {
    relations = relations.substr(1, relations.size() - 2);
  }
  while (!relations.empty()) {
    const std::size_t end = relations.find(' ');
    if (equals_ignoring_case(relations.substr(0, end), "next")) return true;
    if (end == std::string_view::npos) return false;
    relations.remove_prefix(end + 1);
  }
  return false;
}

/// Each may cost a look at the whole of its value.
constexpr int most_links = 64;

enum class Relation : std::uint8_t { unsaid, next, other };

struct Link {
  std::string_view target;
  Relation relation = Relation::unsaid;
};

/// The first rel counts (RFC 8288 §3.3).
void read_parameter(std::string_view parameter, Link& link) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos || link.relation != Relation::unsaid) return;
  if (!equals_ignoring_case(trim(parameter.substr(0, equals)), "rel")) return;
  link.relation = names_next(trim(parameter.substr(equals + 1))) ? Relation::next : Relation::other;
}

/// Takes the target off `text`. Without both brackets it ends where its parameters begin.
std::string_view take_target(std::string_view& text) {
  const bool open = text.front() == '<';
  if (open) text.remove_prefix(1);
  std::size_t size = open ? text.find('>') : std::string_view::npos;
  const bool closed = size != std::string_view::npos && text.substr(0, size).find('<') > size;
  if (!closed) size = std::min(text.find(';'), text.size());
  std::string_view target = trim(text.substr(0, size));
  if (!closed && !target.empty() && target.back() == '>') target.remove_suffix(1);
  text.remove_prefix(closed ? size + 1 : size);
  return target;
}

/// nullopt at the end.
std::optional<Link> take_link(std::string_view& text) {
  while (!text.empty() && (text.front() == ',' || text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  Link link{take_target(text)};
  while (!text.empty() && text.front() != ',') {
    if (text.front() == ';') text.remove_prefix(1);
    const std::size_t end = parameter_end(text);
    read_parameter(text.substr(0, end), link);
    text.remove_prefix(end);
  }
  return link;
}

bool has_query(std::string_view target) {
  return target.substr(0, target.find('#')).find('?') != std::string_view::npos;
}

/// The last segment of a path, or of a URL without query and fragment.
std::string_view last_segment(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

std::string_view name_of(std::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

template <typename Visit>
void each_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    if (end > 0) visit(query.substr(0, end));
    query.remove_prefix(std::min(query.size(), end + 1));
  }
}

bool has_parameter(std::string_view query, std::string_view name) {
  bool found = false;
  each_parameter(query, [&](std::string_view own) { found = found || name_of(own) == name; });
  return found;
}

/// The characters that a query may hold unencoded besides the unreserved ones (RFC 3986 §3.4), and
/// '%', which begins what is encoded already.
constexpr std::string_view query_characters = "!$&'()*+,;=:@/?%";

}  // namespace

std::optional<std::string> next_link(std::span<const std::string> values) {
  std::optional<std::string> unsaid;
  int links = 0;
  for (std::string_view value : values) {
    while (links++ < most_links) {
      const auto link = take_link(value);
      if (!link) break;
      if (link->relation == Relation::next) return std::string(link->target);
      if (link->relation == Relation::unsaid && has_query(link->target) && !unsaid)
        unsaid = std::string(link->target);
    }
  }
  return unsaid;
}

std::optional<Url> next_page(const Url& list, std::string_view target) {
  target = target.substr(0, target.find('#'));
  const std::string_view known = list.text();
  const std::size_t mark = std::min(known.find('?'), known.size());
  const std::string_view own = known.substr(std::min(mark + 1, known.size()));
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) {
    const bool same = target.empty() || last_segment(target) == last_segment(known.substr(0, mark));
    return same ? std::optional(list) : std::nullopt;
  }
  if (target.size() > Url::max_length) return std::nullopt;
  std::string text(known);
  each_parameter(target.substr(question + 1), [&](std::string_view parameter) {
    if (has_parameter(own, name_of(parameter))) return;
    text += text.find('?') == std::string::npos ? '?' : '&';
    text += percent_encode(parameter, query_characters);
  });
  return Url::parse(text);
}

}  // namespace entrepot::upstream
