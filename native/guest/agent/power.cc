#include "power.h"

#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

namespace mocker {

void settleFileSystems(const Machine& machine) {
  // The host's file systems are not ours to sync.
  if (machine.simulation) return;
  ::sync();
  ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  // A disk's mount may be detached, as the writable disk's was with the old root; its super block can still
  // be reconfigured through the descriptor. Read-only means: journal written and empty, the disk clean for
  // its next boot.
  for (const auto& disk : machine.writableDisks) {
    Fd context(::fspick(disk.get(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
    if (!context) continue;
    ::fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0);
    ::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0);
  }
}

void powerOff(const Machine& machine) {
  if (machine.simulation) ::_exit(0);
  // libkrun on x86_64 has no ACPI power-off: it ends on the keyboard controller's reset (the kernel runs with
  // reboot=k). On aarch64 PSCI's SYSTEM_RESET ends it just the same, so a restart is the one command that
  // works on both.
  ::reboot(RB_AUTOBOOT);
  for (;;) ::pause();
}

}  // namespace mocker
