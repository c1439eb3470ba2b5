// What the kernel knows of a process.
import fs from 'node:fs';

// Set where nginx runs under sanitizers: they keep what was freed, so bounds of
// memory are then bounds of growth, and wide ones.
export const sanitized = process.env.LLM_SANITIZED === '1';

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
