// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "cache/digest.h"

namespace entrepot::cache {

struct Shared;

/// Finds the blob files that the index does not know: a crash came between the two, or the index
/// was lost. Their names say what they should be; what has that digest is taken back, the rest is
/// removed. Runs once, behind the start, a file at a time on the store pool.
class Adoption {
 public:
  explicit Adoption(Shared& shared);

  /// The index in memory holds everything it should know. Calls itself until it is through.
  void start();

 private:
  void list_folders();
  void list_files(const std::filesystem::path& folder);
  void step();
  void look_at(const std::filesystem::path& path);
  bool proves(const std::filesystem::path& path, const Digest& digest) const;
  void tell() const;

  Shared& shared_;
  // The running job only.
  std::vector<std::filesystem::path> folders_;
  std::vector<std::filesystem::path> files_;  // of one folder, those the index does not know
  std::size_t adopted_ = 0;
  std::uint64_t adopted_bytes_ = 0;
  std::size_t removed_ = 0;
};

}  // namespace entrepot::cache
