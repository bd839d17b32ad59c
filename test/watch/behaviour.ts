/** What a watch has to do in one situation that is known to go wrong somewhere. */
export interface Behaviour {
  readonly number: number;
  readonly text: string;
  /** `file > name`. */
  readonly places: readonly string[];
}

export function row(number: number, text: string, ...places: readonly string[]): Behaviour {
  return { number, text, places };
}
