// What the kernel knows of a process.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

// Set where nginx runs under sanitizers: bounds of memory are then bounds of
// growth. In the environment of an nginx that is measured they keep less of what
// was freed.
export const sanitized = process.env.LLM_SANITIZED === '1';
export const sparing = sanitized ? { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` } : {};

const field = (pid, name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

// The most memory that was ever resident, in kilobytes.
export const peakOf = (pid) => field(pid, 'VmHWM');

export const descriptorsOf = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;

export function isAlive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export function childrenOf(pid) {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}
