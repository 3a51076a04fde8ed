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

bool drives(const Program& program, std::uint32_t id, std::uint32_t class_code) {
    if (program.manifest == nullptr) return false;
    const abi::Manifest& manifest = *program.manifest;
    if (manifest.pci_id != 0 || manifest.pci_class == 0) return manifest.pci_id == id;
    return (class_code & manifest.pci_class_mask) == (manifest.pci_class & manifest.pci_class_mask);
}

// Slots of drivers: NAME, NAME.1, ... Several programs may have the same NAME, each for other cards.
std::string_view base_name(const Rule& rule) { return rule.as.empty() ? without_version(rule.program.view()) : rule.as.view(); }

// A guardian that goes on where the one before was interrupted may find what it is about to make.
Result<> made(const Result<Launched>& launched) {
    if (!launched && launched.error() != Error::exists) return Failure(launched.error());
    return {};
}

// argv[0], the arguments, then the environment, back to back.
class ArgumentBlock {
public:
    [[nodiscard]] bool add(std::string_view strings) {
        if (strings.size() > sizeof text_ - bytes_) return false;
        if (!strings.empty()) std::memcpy(text_ + bytes_, strings.data(), strings.size());
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
    Catalogue& catalogue = state_.catalogue();
    std::array<std::string_view, max_cards> bases;
    auto found = [&](std::uint32_t address, std::uint32_t id, std::uint32_t class_code) {
        for (const Rule& rule : config_.rules()) {
            const Program* program = rule.for_each_pci ? programs_.find(rule.program.view()) : nullptr;
            if (program == nullptr || !drives(*program, id, class_code) || catalogue.card_count == max_cards) continue;
            const auto end = bases.begin() + catalogue.card_count;
            const auto number = static_cast<std::uint32_t>(std::count(bases.begin(), end, base_name(rule)));
            *end = base_name(rule);
            catalogue.cards[catalogue.card_count++] = {address, id, class_code, number};
            return;
        }
    };
    PciScan{read_register, found}.run();
}

template <class Take>
unsigned Launcher::for_each_card(const Program& program, Take take) const {
    const Catalogue& catalogue = state_.catalogue();
    unsigned count = 0;
    for (unsigned i = 0; i < catalogue.card_count; ++i) {
        const Card& card = catalogue.cards[i];
        if (!drives(program, card.id, card.class_code)) continue;
        ++count;
        if (take(card)) break;
    }
    return count;
}

Result<Launched> Launcher::create(const Plan& plan, std::string_view slot) {
    if (plan.program->manifest == nullptr) return Failure(Error::bad_image);
    abi::ProcessRequest request{};
    request.version = plan.program->manifest->version;
    request.device = plan.device;
    request.user_id = plan.user.value_or(plan.rule->user.value_or(0));
    grant(*plan.program->manifest, *plan.rule, plan.instance, request);

    Strings<1024> environment;
    const auto base = slot.substr(0, plan.instance.number == 0 ? slot.size() : slot.rfind('.'));
    bool fits = command_line_.add_environment(base, slot, environment);
    if (!plan.token.empty()) fits = fits && environment.add("TOKEN=", plan.token);
    if (!plan.instance.partner.empty()) {
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
    const auto created = ANT_TRY(programs_.with_image(*plan.program, [&](std::uint32_t image) {
        request.image = image;
        return sys::process_create(request);
    }));
    return Launched{created, Name{slot}};
}

Result<> Launcher::start_pair(const Rule& rule, Program& program, const Card& card) {
    const Instance pair{card.number, base_name(rule), rule.with.view()};
    if (!rule.with.empty()) {
        Program* partner = programs_.find(rule.with.view());
        if (partner == nullptr) return Failure(Error::not_found);
        const Plan plan{partner, &config_.rule_for(rule.with.view()), pair};
        ANT_TRY(made(create(plan, instance_name(rule.with.view(), card.number).view())));
    }
    const Plan plan{&program, &rule, pair, card.address};
    return made(create(plan, instance_name(pair.driver, card.number).view()));
}

unsigned Launcher::start_cards(const Rule& rule) {
    Program* program = programs_.find(rule.program.view());
    if (program == nullptr) return 0;
    return for_each_card(*program, [&](const Card& card) {
        const auto started = start_pair(rule, *program, card);
        if (!started) {
            log("%s for the card at %02x:%02x.%x: %s", rule.program.text, card.address >> 8, card.address >> 3 & 31,
                card.address & 7, error_text(started.error()));
        }
        return false;
    });
}

Result<Name> Launcher::slot_for(const Launch& launch) {
    if (!launch.as.empty()) return Name{launch.as};
    const Program* program = programs_.wanted(launch.program);
    if (program == nullptr) return Failure(Error::not_found);
    const Rule& rule = config_.rule_for(rule_name(program->name.view()));
    if (!rule.for_each_pci) {
        const auto base = rule.as.empty() ? without_version(base_name(program->name.view())) : rule.as.view();
        for (unsigned i = 0; i < max_instances; ++i)
            if (const Name slot = instance_name(base, i); !listings_.server(slot.view())) return slot;
        return Failure(Error::exists);
    }
    // The first card without a driver.
    Name slot;
    const unsigned cards = for_each_card(*program, [&](const Card& card) {
        const Name own = instance_name(base_name(rule), card.number);
        if (listings_.server(own.view())) return false;
        slot = own;
        return true;
    });
    if (slot.empty()) return Failure(cards == 0 ? Error::not_found : Error::exists);
    return slot;
}

// A driver that is started by hand gets the card that its slot stands for.
Result<Launched> Launcher::start_driver(Plan plan, std::string_view slot) {
    const auto base = base_name(*plan.rule);
    Result<Launched> launched = Failure(Error::not_found);
    for_each_card(*plan.program, [&](const Card& card) {
        if (instance_name(base, card.number).view() != slot) return false;
        plan.instance = {card.number, base, plan.rule->with.view()};
        plan.device = card.address;
        launched = create(plan, slot);
        return true;
    });
    return launched;
}

std::optional<std::uint32_t> Launcher::user_of(std::string_view program_name) {
    const Program* program = programs_.wanted(program_name);
    return program == nullptr ? std::nullopt : config_.rule_for(rule_name(program->name.view())).user;
}

Result<Launched> Launcher::start(const Launch& launch) {
    Program* program = programs_.wanted(launch.program);
    if (program == nullptr) return Failure(Error::not_found);
    const Rule& rule = config_.rule_for(rule_name(program->name.view()));
    Plan plan{program, &rule, {}};
    plan.user = launch.user;
    plan.token = launch.token;
    plan.arguments = launch.arguments;
    plan.argument_count = launch.argument_count;
    return rule.for_each_pci ? start_driver(plan, launch.as) : create(plan, launch.as);
}

}  // namespace ant::guardian_server
