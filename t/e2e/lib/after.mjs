// Steps for the end of a test, last come first. All of them run: the test
// runner itself leaves out the hooks behind one that fails, and with them the
// nginx that would have been stopped there.
const steps = new WeakMap();

export function after(t, step) {
  const known = steps.get(t);
  if (known) return known.push(step);
  const list = [step];
  steps.set(t, list);
  t.after(async () => {
    const errors = [];
    while (list.length) {
      try {
        await list.pop()();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length) throw errors[0];
  });
}
