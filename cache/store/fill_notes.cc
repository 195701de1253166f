// SPDX-License-Identifier: Apache-2.0
#include "cache/store/fill_notes.h"

namespace entrepot::cache {
namespace {

constexpr std::string_view name_begin = "fill ";

std::string note_name(const Digest& digest) { return std::string(name_begin) + digest.str(); }

}  // namespace

// Without restricted upstreams nothing is noted, and an unfinished file has no known origin: once
// an upstream is restricted, another process begins it again. From then on all are noted until the
// end of the process, so that no note is older than its file.
void FillNotes::add(const Digest& digest, const std::string& upstream) const {
  if (!origins_.ever_restricted()) return;
  environment_.index_writes.post([&rocks = environment_.rocks, digest, upstream] {
    rocks.notes().put(note_name(digest), upstream);
  });
}

void FillNotes::remove(const Digest& digest) const {
  if (!origins_.ever_restricted()) return;
  environment_.index_writes.post([&rocks = environment_.rocks, digest] {
    const auto name = note_name(digest);
    if (rocks.notes().get(name)) rocks.notes().erase(name);
  });
}

void FillNotes::discard_file(const Digest& digest) const {
  files_.discard_fill(digest);
  remove(digest);
}

Origins::Set FillNotes::origins_of(const Digest& digest) const {
  if (!origins_.ever_restricted()) return Origins::nobody;
  return origins_.parse(environment_.rocks.notes().get(note_name(digest)).value_or(""));
}

void FillNotes::drop_unused() const {
  if (origins_.ever_restricted()) return;
  environment_.index_writes.post(
      [&rocks = environment_.rocks] { rocks.notes().erase_all(name_begin); });
}

}  // namespace entrepot::cache
