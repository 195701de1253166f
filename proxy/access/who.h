// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/access/caller.h"
#include "proxy/access/claims.h"
#include "proxy/access/glob.h"
#include "proxy/access/problem.h"
#include "proxy/base/network.h"

namespace entrepot::access {

/// The groups that rules may name.
struct Groups {
  using Members = std::shared_ptr<const std::vector<std::string>>;
  /// The members of each configured group, sorted: names of users and of tokens.
  std::map<std::string, Members, std::less<>> configured = {};
  bool in_claims = false;  ///< JWTs name groups too
};

/// One term of `who` in a rule. Immutable; any thread.
///
///     anyone           every client
///     anonymous        a client without login, certificate and user id
///     login            every user, every token and every JWT
///     user:GLOB        the user or the token with a matching name, or the user of a JWT
///     group:NAME       the members of a configured group; or, if no group of this name is
///                      configured, each JWT that names the group
///     claim:NAME=GLOB  a JWT with a matching claim (ClaimName)
///     cert:CN=GLOB     a client certificate with a matching name; also O=, OU=, DNS=, URI=, EMAIL=
///     cert:*           every client certificate
///     net:CIDR         the addresses of a network
///     uid:NUMBER       the peer of a Unix socket with this user id
class Who {
 public:
  /// The fault tells what to write instead.
  static std::variant<Who, Fault> parse(std::string_view text, const Groups& groups);

  /// Allocates nothing.
  bool matches(const Caller& caller) const;
  /// The term as it was written.
  const std::string& text() const { return text_; }

 private:
  struct Anyone {};
  struct Anonymous {};
  struct Login {};
  struct User {
    Glob name;
  };
  struct Group {
    Groups::Members members;
  };
  struct ClaimedGroup {
    std::string name;
  };
  struct Claim {
    ClaimName name;
    Glob value;
  };
  struct AnyCertificate {};
  struct Certificate {
    std::string kind;  // "CN="
    Glob name;
  };
  struct Uid {
    uid_t number;
  };
  using Term = std::variant<Anyone, Anonymous, Login, User, Group, ClaimedGroup, Claim,
                            AnyCertificate, Certificate, Network, Uid>;

  static std::variant<Term, Fault> parse_word(std::string_view text);
  static std::variant<Term, Fault> parse_user(std::string_view glob);
  static std::variant<Term, Fault> parse_group(std::string_view name, const Groups& groups);
  static std::variant<Term, Fault> parse_claim(std::string_view claim);
  static std::variant<Term, Fault> parse_certificate(std::string_view name);
  static std::variant<Term, Fault> parse_network(std::string_view network);
  static std::variant<Term, Fault> parse_uid(std::string_view number);
  Who(std::string_view text, Term term) : text_(text), term_(std::move(term)) {}

  std::string text_;
  Term term_;
};

}  // namespace entrepot::access
