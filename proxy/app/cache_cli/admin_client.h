// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "proxy/admin/cache_api.h"
#include "proxy/app/cache_cli/admin_target.h"

namespace entrepot::app {

/// Asks the admin listener of a running process and waits for the answer. Throws
/// std::runtime_error when nobody answers, or one that is not trusted: with the address, the reason
/// and the remedy.
class AdminClient {
 public:
  /// `patience`: how long the whole answer may take; 0 for as long as it takes.
  explicit AdminClient(AdminTarget target, std::chrono::milliseconds patience = {});
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  /// The answer, whatever its status is.
  admin::ApiAnswer ask(const char* method, const std::string& target);

  /// The message of an answer with another status than 200, and what to do about it. For a person;
  /// safe for a terminal.
  std::string refusal(const admin::ApiAnswer& answer) const;

 private:
  void prove();

  const AdminTarget target_;
  const std::chrono::milliseconds patience_;
  void* easy_;  // CURL, owned
};

}  // namespace entrepot::app
