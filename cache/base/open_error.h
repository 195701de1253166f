// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace entrepot::cache {

/// The directory cannot be used. what() is one line for the operator.
class OpenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A failure to open that may be temporary: another process uses the directory, or its disk is
/// full. what() says which.
class OpenLaterError : public OpenError {
 public:
  using OpenError::OpenError;
};

}  // namespace entrepot::cache
