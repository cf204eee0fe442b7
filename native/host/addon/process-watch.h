// Exit notification for any process, child or not, on Node's own event loop.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <cstdint>

namespace mocker {

/**
 * Calls `onExit()` once, when the process that began at `startTimeTicks` has ended. Asynchronous even if it
 * has ended already. Never reaps: for our own children that is reapChild's part. Keeps the event loop alive.
 * @returns an object whose `close()` stops watching; closing twice, or after the call, does nothing
 */
Napi::Value watchProcess(Napi::Env env, pid_t pid, uint64_t startTimeTicks, Napi::Function onExit);

/**
 * Reaps our child when it ends, so that it never stays a zombie, and calls `onExit(exitCode | null, signal |
 * null)` if that is a function. Does not keep the event loop alive.
 */
void reapChild(Napi::Env env, pid_t pid, const Napi::Value& onExit);

}  // namespace mocker
