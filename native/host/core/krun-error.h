// What libkrun's bare error numbers mean.
#pragma once

#include <cstdint>
#include <string>

namespace mocker {

/**
 * What a negative result of a libkrun call means for the person who asked for the VM.
 * libkrun only returns bare errnos; the same -EINVAL means different mistakes in different calls.
 * @param call   the libkrun function, for example `krun_set_vm_config`
 * @param result its negative return value
 * @param detail what was passed (a path, a number), in the user's terms; may be empty
 */
std::string krunErrorText(const std::string& call, int32_t result, const std::string& detail);

}  // namespace mocker
