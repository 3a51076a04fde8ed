#include "interrupt_controller.hpp"

#include "boot.hpp"
#include "features.hpp"
#include "io_apic.hpp"
#include "local_apic.hpp"
#include "log.hpp"
#include "pic.hpp"

namespace ant::arch::interrupts {

namespace {

constinit bool io_apic_mode = false;

// Timer, keyboard, cascade, clock and coprocessor are edges, whatever a device claims.
constexpr bool may_be_level(unsigned irq) { return irq >= 3 && irq != 8 && irq != 13 && irq < legacy_irqs; }

}  // namespace

void init(const AcpiInfo& info) {
    pic::init(first_vector);  // also when it is not used: its spurious interrupts must not look like exceptions
    const bool wanted = boot_option("ioapic") || !info.has_pic;
    const bool possible = features().apic && info.io_apic_count > 0;
    const bool apic = local_apic::init(!(wanted && possible));
    io_apic_mode = wanted && apic && io_apic::init(info, first_vector, local_apic::id());
    if (wanted && !io_apic_mode) log("interrupts: no I/O APIC, using the 8259 pair\n");
}

void mask(unsigned irq) {
    if (irq >= legacy_irqs) return;
    io_apic_mode ? io_apic::mask(irq) : pic::mask(irq);
}

void unmask(unsigned irq) {
    if (irq >= legacy_irqs) return;
    io_apic_mode ? io_apic::unmask(irq) : pic::unmask(irq);
}

void acknowledge(unsigned irq) { io_apic_mode ? local_apic::acknowledge() : pic::acknowledge(irq); }

bool spurious(unsigned irq) { return !io_apic_mode && pic::spurious(irq); }

void configure_pci(unsigned irq) {
    if (!may_be_level(irq)) return;
    if (!io_apic_mode)
        pic::set_level_triggered(irq);
    else if (!acpi().routes[irq].level)  // the firmware's word on polarity stands
        io_apic::set_level_active_low(irq);
}

bool uses_io_apic() { return io_apic_mode; }

}  // namespace ant::arch::interrupts
