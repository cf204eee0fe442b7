export * from "./engine.ts";
export * from "./errors.ts";
export * from "./image.ts";
export * from "./image-archive.ts";
export * from "./registry.ts";
export * from "./stream.ts";
export * from "./system.ts";
export * from "./vm.ts";
