// SPDX-License-Identifier: Apache-2.0
#include "cache/store/fill_notes.h"

namespace entrepot::cache {
namespace {

std::string note_name(const Digest& digest) { return "fill " + digest.str(); }

}  // namespace

void FillNotes::add(const Digest& digest, const std::string& upstream) const {
  if (!origins_.any_restricted()) return;
  environment_.index_writes.post([&rocks = environment_.rocks, digest, upstream] {
    rocks.notes().put(note_name(digest), upstream);
  });
}

void FillNotes::remove(const Digest& digest) const {
  if (!origins_.any_restricted()) return;
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
  if (!origins_.any_restricted()) return Origins::everybody;
  return origins_.parse(environment_.rocks.notes().get(note_name(digest)).value_or(""));
}

}  // namespace entrepot::cache
