/** Devices of which a guest's kernel has its own. */
const guestDevices = ["/dev/fuse", "/dev/net/tun", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/** Refuses those of the host, and one under another path. @throws Error with the reason alone */
export function checkDevice(source: string, target: string): void {
  if (source === target && guestDevices.includes(source)) return;
  throw new Error(
    `the devices of the host are its kernel's, and a VM has another one (of its own it has ${guestDevices.slice(0, 2).join(", ")})`,
  );
}
