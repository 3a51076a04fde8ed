#include "launcher.hpp"

#include "pci.hpp"

#include <ant/process.hpp>

#include <algorithm>

namespace ant::guardian_server {
namespace {

constexpr unsigned max_instances = 64;

std::uint32_t read_register(std::uint32_t address, unsigned reg) {
    const auto value = sys::pci_read(address, reg);
    return value ? static_cast<std::uint32_t>(*value) : ~std::uint32_t{0};
}

bool drives(const Program& program, std::uint32_t id) { return program.manifest && program.manifest->pci_id == id; }

// argv[0], the arguments, then the environment, back to back.
class ArgumentBlock {
public:
    [[nodiscard]] bool add(std::string_view strings) {
        if (strings.size() > sizeof text_ - bytes_) return false;
        std::memcpy(text_ + bytes_, strings.data(), strings.size());
        bytes_ += strings.size();
        return true;
    }
    [[nodiscard]] const char* text() const { return text_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    char text_[abi::max_argument_bytes];
    std::size_t bytes_ = 0;
};

}  // namespace

void Launcher::find_cards() {
    auto found = [this](std::uint32_t address, std::uint32_t id) {
        for (const Rule& rule : config_.rules()) {
            const Program* program = rule.for_each_pci ? programs_.find(rule.program.view()) : nullptr;
            if (program == nullptr || !drives(*program, id) || card_count_ == max_cards) continue;
            cards_[card_count_++] = {address, id};
            return;
        }
    };
    PciScan{read_register, found}.run();
}

bool Launcher::slot_exists(std::string_view slot) const {
    return listings_.search<abi::ServerRecord>(abi::ListKind::servers,
                                               [&](const abi::ServerRecord& r) { return bounded(r.name) == slot; });
}

Result<Launched> Launcher::create(const Plan& plan, std::string_view slot) {
    abi::ProcessRequest request{};
    request.image = ANT_TRY(Programs::image(*plan.program));
    request.version = plan.program->manifest->version;
    request.device = plan.device;
    grant(*plan.program->manifest, *plan.rule, plan.instance, request);

    Strings<1024> environment;
    const auto base = slot.substr(0, plan.instance.number == 0 ? slot.size() : slot.rfind('.'));
    bool fits = command_line_.add_environment(base, slot, environment);
    if (!plan.instance.driver.empty()) {
        fits = fits && environment.add("INET=", instance_name(plan.instance.partner, plan.instance.number).view()) &&
               environment.add("NIC=", instance_name(plan.instance.driver, plan.instance.number).view());
    }
    ArgumentBlock block;
    const std::string_view name = plan.program->name.view();
    fits = fits && block.add({name.data(), name.size() + 1}) && block.add(plan.arguments) && block.add(environment.view()) &&
           block.add(plan.rule->environment.view());
    if (!fits) return Failure(Error::too_many);
    request.argc = static_cast<std::uint16_t>(1 + plan.argument_count);
    request.envc = static_cast<std::uint16_t>(environment.count + plan.rule->environment.count);
    request.argument_bytes = static_cast<std::uint16_t>(block.bytes());
    request.arguments = sys::address_of(block.text());
    std::memcpy(request.name, Name{slot}.text, sizeof request.name);
    std::memcpy(request.program, plan.program->name.text, sizeof request.program);
    const auto created = ANT_TRY(sys::process_create(request));
    return Launched{created, Name{slot}};
}

Result<Launched> Launcher::create_numbered(const Plan& plan, std::string_view base) {
    for (unsigned i = 0; i < max_instances; ++i) {
        const auto launched = create(plan, instance_name(base, i).view());
        if (launched || launched.error() != Error::exists) return launched;
    }
    return Failure(Error::exists);
}

Result<Launched> Launcher::start_pair(const Rule& rule, Program& program, unsigned instance, const Card& card) {
    const Instance pair{instance, without_version(rule.program.view()), rule.with.view()};
    if (!rule.with.empty()) {
        Program* partner = programs_.find(rule.with.view());
        if (partner == nullptr) return Failure(Error::not_found);
        const Plan plan{partner, &config_.rule_for(rule.with.view()), pair};
        ANT_TRY(create(plan, instance_name(rule.with.view(), instance).view()));
    }
    const Plan plan{&program, &rule, pair, card.address};
    return create(plan, instance_name(pair.driver, instance).view());
}

unsigned Launcher::start_cards(const Rule& rule) {
    Program* program = programs_.find(rule.program.view());
    unsigned count = 0;
    for (unsigned i = 0; program != nullptr && i < card_count_; ++i) {
        if (!drives(*program, cards_[i].id)) continue;
        const auto started = start_pair(rule, *program, count, cards_[i]);
        if (!started) {
            log("guardian: %s for the card at %02x:%02x.%x: %s", rule.program.text, cards_[i].address >> 8,
                cards_[i].address >> 3 & 31, cards_[i].address & 7, error_text(started.error()));
        }
        ++count;
    }
    return count;
}

// A driver that is started by hand (after a crash, say) gets the card that its slot had, or the first one without a driver.
Result<Launched> Launcher::start_driver(Plan plan, std::string_view slot) {
    const auto base = without_version(plan.rule->program.view());
    unsigned number = 0;
    for (unsigned i = 0; i < card_count_; ++i) {
        if (!drives(*plan.program, cards_[i].id)) continue;
        const Name own = instance_name(base, number);
        if (slot.empty() ? !slot_exists(own.view()) : own.view() == slot) {
            plan.instance = {number, base, plan.rule->with.view()};
            plan.device = cards_[i].address;
            return create(plan, own.view());
        }
        ++number;
    }
    return Failure(number == 0 ? Error::not_found : Error::exists);
}

Result<Launched> Launcher::start(const Launch& launch) {
    Program* program = programs_.find(launch.program);
    if (program == nullptr) return Failure(Error::not_found);
    const Rule& rule = config_.rule_for(launch.program);
    Plan plan{program, &rule, {}};
    plan.arguments = launch.arguments;
    plan.argument_count = launch.argument_count;
    if (rule.for_each_pci) return start_driver(plan, launch.as);
    if (!launch.as.empty()) return create(plan, launch.as);
    return create_numbered(plan, rule.as.empty() ? without_version(launch.program) : rule.as.view());
}

}  // namespace ant::guardian_server
