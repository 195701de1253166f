// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/fault.h"

namespace entrepot::access {

/// One error of an input, for the operator: its place, what is wrong and what to do. Contains no
/// secret, and no character that a terminal interprets.
struct Problem {
  std::string where;  ///< "line 3", "tokens[2]", "access[2].who[0]"; empty: the input as a whole
  std::string what;   ///< "\"10.0.0.1/8\" has bits beyond the prefix; write 10.0.0.0/8"
  bool operator==(const Problem&) const = default;
};

using entrepot::Fault;
using entrepot::quoted;

/// The errors of one input. It keeps the first 20 and counts the others, so that a file of another
/// kind does not fill the log.
class Problems {
 public:
  static constexpr std::size_t most = 20;

  void add(std::string where, std::string what) {
    ++count_;
    if (list_.size() < most) list_.push_back({std::move(where), std::move(what)});
  }
  bool any() const { return count_ > 0; }
  /// In the order of add(). The last one tells how many others there are.
  std::vector<Problem> take() {
    if (count_ > list_.size())
      list_.push_back({"", "and " + std::to_string(count_ - list_.size()) + " more"});
    return std::move(list_);
  }

 private:
  std::vector<Problem> list_;
  std::size_t count_ = 0;
};

}  // namespace entrepot::access
