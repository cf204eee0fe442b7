import { MockerError } from "../../protocol/errors.ts";
import { BrokenVm } from "./broken-vm.ts";
import { checkName, generateName } from "./names.ts";
import type { Vm } from "./vm.ts";

/**
 * The VMs there are, by id and by name, those whose records are broken, and the names of those that are being
 * made.
 */
export class VmTable {
  readonly #vms = new Map<string, Vm>();
  readonly #broken = new Map<string, BrokenVm>();
  readonly #reservedNames = new Set<string>();

  add(vm: Vm): void {
    this.#vms.set(vm.id, vm);
  }

  /** Instead of the VM that it would be. */
  addBroken(broken: BrokenVm): void {
    this.#vms.delete(broken.id);
    this.#broken.set(broken.id, broken);
  }

  delete({ id }: Vm | BrokenVm): void {
    this.#vms.delete(id);
    this.#broken.delete(id);
  }

  has(vm: Vm): boolean {
    return this.#vms.has(vm.id);
  }

  all(): Vm[] {
    return [...this.#vms.values()];
  }

  broken(): BrokenVm[] {
    return [...this.#broken.values()];
  }

  /**
   * By id, name or unique id prefix.
   * @throws VM_NOT_FOUND in Docker's words, STATE_CORRUPT for one that is broken
   */
  find(nameOrId: string): Vm {
    const found = this.findAny(nameOrId);
    if (found instanceof BrokenVm) throw found.error;
    return found;
  }

  /** The same, also one that is broken. @throws VM_NOT_FOUND in Docker's words */
  findAny(nameOrId: string): Vm | BrokenVm {
    const wanted = nameOrId.replace(/^\//, "");
    const known = this.#vms.get(wanted) ?? this.#broken.get(wanted);
    if (known) return known;
    const everything = [...this.all(), ...this.broken()];
    const exact = everything.find((vm) => nameOf(vm) === wanted);
    if (exact) return exact;
    const matches = /^[0-9a-f]+$/.test(wanted) ? everything.filter((vm) => vm.id.startsWith(wanted)) : [];
    const [match] = matches;
    if (matches.length > 1) {
      throw new MockerError("VM_NOT_FOUND", `Multiple IDs found with provided prefix: ${wanted}`);
    }
    if (!match) throw new MockerError("VM_NOT_FOUND", `No such container: ${nameOrId}`);
    return match;
  }

  /**
   * A name that nobody else gets until it is released, made up if none is wanted.
   * @param prefix of the errors' messages
   * @throws VM_NAME_IN_USE, INVALID_ARGUMENT
   */
  reserveName(wanted: string | undefined, prefix = ""): string {
    const isTaken = (name: string): boolean =>
      this.#reservedNames.has(name) || this.#byName(name) !== undefined;
    const name = wanted === undefined ? generateName(isTaken) : wanted.replace(/^\//, "");
    checkName(name, prefix);
    if (isTaken(name)) {
      const holder = this.#byName(name)?.id ?? "that is being created";
      throw new MockerError(
        "VM_NAME_IN_USE",
        `${prefix}Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
          "You have to remove (or rename) that container to be able to reuse that name.",
        { hint: `Remove it with: mocker rm ${name}` },
      );
    }
    this.#reservedNames.add(name);
    return name;
  }

  releaseName(name: string): void {
    this.#reservedNames.delete(name);
  }

  #byName(name: string): Vm | BrokenVm | undefined {
    return [...this.all(), ...this.broken()].find((vm) => nameOf(vm) === name);
  }
}

function nameOf(vm: Vm | BrokenVm): string {
  return vm instanceof BrokenVm ? vm.name : vm.config.name;
}
