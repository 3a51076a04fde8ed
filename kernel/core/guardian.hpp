// The guardian restarts everybody else; its own failure is noticed and repaired here, with the program that it was booted
// with. There is no replacement without one party that asks for it: for the guardian that is the core.
#pragma once

#include "objects.hpp"

namespace ant::core {

// Before its process is created: the boot archive. It will be an area of the guardian's own, which no sweep releases.
void set_boot_archive(Pfn area, u64 bytes);
// The first process of the system. False when there is no memory to map the archive.
[[nodiscard]] bool adopt_guardian(Process& process, Image& image);
// Each guardian finds the archive by its StartupInfo.
void describe_boot_archive(const Slot& slot, abi::StartupInfo& info);
[[nodiscard]] bool is_boot_archive(Pfn area);

// A slot is vacant, because its process has failed (none), or because the next one has not become its server.
void guardian_vacant(Slot& slot, Error error);
u64 expire_guardian(u64 time);

}  // namespace ant::core
