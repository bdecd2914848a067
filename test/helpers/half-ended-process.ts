import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atTestEnd } from "./at-test-end.ts";
import { temporaryDirectory } from "./stores.ts";

const LOAD_ADDRESS = 0x400000;
const HEADERS_BYTES = 0x78;
const STACK_ADDRESS = LOAD_ADDRESS + 0x800;

/**
 * Machine code for Linux on x86-64: starts a second thread and ends the first one alone, which no interpreter on
 * every machine can do. The second thread waits for a signal.
 */
const CODE = [
  ...[0xbf, 0x00, 0x0f, 0x01, 0x00], // mov edi, CLONE_VM | FS | FILES | SIGHAND | THREAD
  ...[0xbe, ...littleEndian(STACK_ADDRESS, 4)], // mov esi, its stack
  ...[0x31, 0xd2, 0x4d, 0x31, 0xd2, 0x4d, 0x31, 0xc0], // xor edx, edx; xor r10, r10; xor r8, r8
  ...[0xb8, 56, 0, 0, 0, 0x0f, 0x05], // mov eax, clone; syscall
  ...[0x85, 0xc0, 0x74, 9], // test eax, eax; jz to the second thread
  ...[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05], // xor edi, edi; mov eax, exit; syscall
  ...[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7], // mov eax, pause; syscall; jmp back
];

/** A process, leading a group of its own, whose main thread has ended while another thread lives on. */
export async function halfEndedProcess(): Promise<ChildProcess & { pid: number }> {
  if (process.arch !== "x64")
    throw new Error(`this helper has machine code for x64 only; add some for ${process.arch}`);
  const file = join(temporaryDirectory(), "half-ended");
  writeFileSync(file, executable(Buffer.from(CODE)), { mode: 0o700 });
  const child = spawn(file, { stdio: "ignore", detached: true });
  await once(child, "spawn");
  atTestEnd(() => child.kill("SIGKILL"));
  // It is a zombie a moment after it was started.
  while (!/\) Z /.test(readFileSync(`/proc/${child.pid}/stat`, "utf8")))
    await new Promise((resolve) => setImmediate(resolve));
  return child as ChildProcess & { pid: number };
}

/** The smallest ELF file that holds the code. @see https://man7.org/linux/man-pages/man5/elf.5.html */
function executable(code: Buffer): Buffer {
  const identification = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const header = [
    ...[...littleEndian(2, 2), ...littleEndian(62, 2), ...littleEndian(1, 4)], // executable, x86-64, version
    ...[...littleEndian(LOAD_ADDRESS + HEADERS_BYTES, 8), ...littleEndian(64, 8), ...littleEndian(0, 8)],
    ...[...littleEndian(0, 4), ...littleEndian(64, 2), ...littleEndian(56, 2), ...littleEndian(1, 2)],
    ...[...littleEndian(0, 2), ...littleEndian(0, 2), ...littleEndian(0, 2)],
  ];
  const size = littleEndian(0x1000, 8);
  const segment = [
    ...[...littleEndian(1, 4), ...littleEndian(7, 4), ...littleEndian(0, 8)], // load, read write execute
    ...[...littleEndian(LOAD_ADDRESS, 8), ...littleEndian(LOAD_ADDRESS, 8)],
    ...[...size, ...size, ...size],
  ];
  return Buffer.concat([Buffer.from([...identification, ...header, ...segment]), code], 0x1000);
}

function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, place) => Math.floor(value / 256 ** place) % 256);
}
