// SPDX-License-Identifier: Apache-2.0
// What is known of endpoints, as JSON: for /api/v1/upstreams, and kept in the cache's directory for
// the next process.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cache/base/clock.h"
#include "proxy/upstream/endpoint/report.h"

namespace entrepot::app {

/// One report of several loops: of each endpoint what the loop says that heard from it last, with
/// the transfers of all. Pure.
upstream::Reports merged(const std::vector<upstream::Reports>& by_loop);

/// `{"upstreams": […]}`, ended by a line break. Pure.
std::string reports_json(const upstream::Reports& reports);

/// Writes them to `file`, as known at `now`. Blocks; what cannot be written is logged and left.
void save_reports(const std::filesystem::path& file, const upstream::Reports& reports,
                  cache::WallTime now);
/// What was saved, aged until `now`; nothing where there is no such file, it is older than a day or
/// cannot be read (which is logged). Blocks.
upstream::Reports load_reports(const std::filesystem::path& file, cache::WallTime now);

}  // namespace entrepot::app
