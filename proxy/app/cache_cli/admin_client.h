// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "proxy/admin/cache_api.h"

namespace entrepot::app {

/// Asks the admin listener of a running process and waits for the answer. Throws
/// std::runtime_error when nobody answers.
class AdminClient {
 public:
  /// `address`: "ADDRESS:PORT" as configured; of one for every address, this machine is asked. Or
  /// "unix:/path".
  /// `patience`: how long the whole answer may take; 0 for as long as it takes.
  explicit AdminClient(const std::string& address, std::chrono::milliseconds patience = {});
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  admin::ApiAnswer ask(const char* method, const std::string& target);

 private:
  const std::string address_;
  const std::chrono::milliseconds patience_;
  void* easy_;  // CURL, owned
};

}  // namespace entrepot::app
