// What a process gets: what its manifest asks for and boot.conf allows.
#pragma once

#include "boot_config.hpp"

#include <ant/abi/manifest.hpp>

namespace ant::guardian_server {

// An instance of a program that exists once for each card: `instance` 1 of rtl8139 calls inet.1 where the manifest says inet.
struct Instance {
    unsigned number = 0;
    std::string_view driver, partner;  // base names of the pair
};

// Fills in privileges, priority, flags, deadline, ports, irqs, quotas and callees of `request`.
void grant(const abi::Manifest& manifest, const Rule& rule, const Instance& instance, abi::ProcessRequest& request);

}  // namespace ant::guardian_server
