// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/executor.h"
#include "cache/listing_flights.h"
#include "cache/object_flights.h"
#include "cache/shared.h"
#include "cache/source.h"
#include "cache/tag_flights.h"

namespace entrepot::cache {

/// Everything in flight for the keys that live on one fetch loop. A key has one home, so its
/// flights need no lock. Made before the loop runs and destroyed after it; used on it only.
struct Home {
  Home(Shared& shared, Executor& executor_in, Source& source)
      : executor(executor_in),
        objects(shared, executor_in, source),
        tags(shared, executor_in, source),
        listings(shared, executor_in, source) {}

  Executor& executor;
  ObjectFlights objects;
  TagFlights tags;
  ListingFlights listings;
};

}  // namespace entrepot::cache
