// What the cache needs from outside: system calls in the guest (system_host.cpp), a model of core and disks in tests.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/abi/result.hpp>
#include <ant/interface/block.hpp>

#include <cstdint>
#include <span>

namespace ant::cache_server::host {

std::uint64_t now_ns();

// A page of memory in an area of its own; 0: there is none.
std::uint64_t take_page();

// Calls of a driver, by the number of its slot (disk.1 is 1). -> the control ICA, by which the result is recognised.
Result<std::uint64_t> units(unsigned driver);
Result<std::uint64_t> flush(unsigned driver, std::uint32_t unit);
// One area, from transfer.offset on; a read writes to it.
Result<std::uint64_t> transfer(unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area);
// Several areas from their starts.
Result<std::uint64_t> transfer_list(unsigned driver, bool write, const block::Transfer& transfer,
                                    std::span<const abi::DataListEntry> areas);

// A call that is held goes on to the driver, with its area. `direct`: its answer does not come by here.
bool forward(std::uint64_t control, unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area,
             bool direct);

// `area`: goes back with the answer; 0: none.
Error answer(std::uint64_t control, Error error, std::int64_t value, std::uint64_t area);
Error answer_disks(std::uint64_t control);

}  // namespace ant::cache_server::host
