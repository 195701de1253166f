// SPDX-License-Identifier: Apache-2.0
#include "metrics/word_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "metrics/labels.h"
#include "metrics/metrics.h"
#include "metrics/reasons.h"

namespace entrepot::metrics {
namespace {

using Strings = std::set<std::string>;

template <typename Enum>
Strings all_words() {
  return {words<Enum>.begin(), words<Enum>.end()};
}

/// The values of a label among the series of a metric.
Strings label_values(const std::string& metric, const std::string& label) {
  const Metrics metrics(std::vector<UpstreamLabels>{{"quay.io", {"quay.io"}}});
  const std::regex series(metric + R"([^ ]*[{,])" + label + R"re(="([^"]*)".*)re");
  std::istringstream lines(metrics.text());
  Strings values;
  std::smatch found;
  for (std::string line; std::getline(lines, line);)
    if (std::regex_match(line, found, series)) values.insert(found[1]);
  return values;
}

/// The words in backticks in the first column of the table of this head, in the description of the
/// access log.
Strings documented(const std::string& head) {
  std::ifstream document(ENTREPOT_DOCS_DIR "/operations.md");
  std::string line;
  while (std::getline(document, line) && line != head) continue;
  Strings found;
  const std::regex word("`([^`]*)`");
  while (std::getline(document, line) && line.starts_with("|")) {
    const std::string cell = line.substr(0, line.find('|', 1));
    for (std::sregex_iterator at(cell.begin(), cell.end(), word), end; at != end; ++at)
      found.insert((*at)[1]);
  }
  return found;
}

template <typename Enum>
class WordTable : public testing::Test {};

using Enums =
    testing::Types<Kind, Outcome, StoredKind, DiskOperation, LoopRole, JobPool, AnswerReason,
                   BypassReason, RefusalReason, EvictionReason, EndpointFailure, ClientLimit,
                   TransferDrop, Forwarding, Engine, ClientNetwork>;
TYPED_TEST_SUITE(WordTable, Enums);

TYPED_TEST(WordTable, WordsAreDistinct) {
  EXPECT_EQ(all_words<TypeParam>().size(), count_of<TypeParam>);
}

TYPED_TEST(WordTable, WordsAreLowerCaseWithHyphens) {
  for (const auto word : words<TypeParam>)
    EXPECT_TRUE(std::regex_match(std::string(word), std::regex("[a-z]+(-[a-z]+)*"))) << word;
}

TEST(Words, AreThoseOfTheirValues) {
  EXPECT_EQ(to_string(AnswerReason::tag_moved), "tag-moved");
  EXPECT_EQ(to_string(Outcome::tls), "tls");
  EXPECT_EQ(to_string(EndpointFailure::other), "other");
  EXPECT_EQ(to_string(std::optional(RefusalReason::ns_invalid)), "ns-invalid");
  EXPECT_EQ(to_string(std::optional<AnswerReason>()), "");
}

TEST(Words, BypassesShareTheWordsOfAnswers) {
  for (std::size_t i = 0; i < count_of<BypassReason>; ++i) {
    const auto reason = static_cast<BypassReason>(i);
    EXPECT_EQ(to_string(reason), to_string(answer_reason(reason)));
  }
}

TEST(Words, AreTheLabelValuesOfTheMetrics) {
  EXPECT_EQ(label_values("entrepot_not_hit_total", "reason"), all_words<AnswerReason>());
  EXPECT_EQ(label_values("entrepot_bypass_total", "reason"), all_words<BypassReason>());
  EXPECT_EQ(label_values("entrepot_cache_evictions_total", "reason"), all_words<EvictionReason>());
  EXPECT_EQ(label_values("entrepot_endpoint_failures_total", "reason"),
            all_words<EndpointFailure>());
  EXPECT_EQ(label_values("entrepot_clients_limited_total", "reason"), all_words<ClientLimit>());
  EXPECT_EQ(label_values("entrepot_forwarded_clients_total", "result"), all_words<Forwarding>());
  EXPECT_EQ(label_values("entrepot_logins_total", "result"), all_words<LoginResult>());
  EXPECT_EQ(label_values("entrepot_access_refused_total", "reason"), all_words<AccessRefusal>());
  EXPECT_EQ(label_values("entrepot_handovers_total", "result"), all_words<HandoverResult>());
  EXPECT_EQ(label_values("entrepot_reloads_total", "result"), all_words<ReloadResult>());
  EXPECT_EQ(label_values("entrepot_jwt_key_fetches_total", "result"), all_words<KeyFetch>());
  EXPECT_EQ(label_values("entrepot_tls_handshakes_total", "result"), all_words<TlsHandshake>());
  EXPECT_EQ(label_values("entrepot_transfers_dropped_total", "reason"), all_words<TransferDrop>());
  EXPECT_EQ(label_values("entrepot_disk_errors_total", "operation"), all_words<DiskOperation>());
  EXPECT_EQ(label_values("entrepot_cache_objects", "kind"), all_words<StoredKind>());
  EXPECT_EQ(label_values("entrepot_job_failures_total", "pool"), all_words<JobPool>());
  EXPECT_EQ(label_values("entrepot_loop_lag_seconds", "loop"), all_words<LoopRole>());
  EXPECT_EQ(label_values("entrepot_requests_total", "kind"), all_words<Kind>());
  EXPECT_EQ(label_values("entrepot_requests_total", "outcome"), all_words<Outcome>());
  EXPECT_EQ(label_values("entrepot_last_request_timestamp_seconds", "engine"), all_words<Engine>());
  EXPECT_EQ(label_values("entrepot_last_request_timestamp_seconds", "network"),
            all_words<ClientNetwork>());
}

TEST(Words, DocumentListsAllReasons) {
  EXPECT_EQ(documented("| reason | meaning |"), all_words<AnswerReason>());
}

TEST(Words, DocumentListsAllOutcomesOfTheLog) {
  auto lines = all_words<Outcome>();
  lines.erase("tls");  // metrics only: such an attempt has no line
  EXPECT_EQ(documented("| outcome | meaning |"), lines);
}

}  // namespace
}  // namespace entrepot::metrics
