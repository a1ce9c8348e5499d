// Ends a run with its plain counts on one line.
import type { FullResult, Reporter, TestCase, TestResult } from '@playwright/test/reporter';

export default class Counts implements Reporter {
  private readonly last = new Map<string, TestResult['status']>();

  onTestEnd(test: TestCase, result: TestResult): void {
    this.last.set(test.id, result.status);
  }

  onEnd(_: FullResult): void {
    const all = [...this.last.values()];
    const passed = all.filter((status) => status === 'passed').length;
    const skipped = all.filter((status) => status === 'skipped').length;
    console.log(`\n${passed} passed, ${all.length - passed - skipped} failed${skipped ? `, ${skipped} skipped` : ''}`);
  }

  printsToStdio(): boolean {
    return false;
  }
}
