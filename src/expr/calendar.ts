/** A day of the proleptic Gregorian calendar; months and days count from 1. */
export type Civil = { readonly year: number; readonly month: number; readonly day: number };

export const DAY_US = 86_400_000_000;

/** The calendar's day of a count of days since 1970-01-01. */
export function civilOf(days: number): Civil {
  // Years that begin in March end with the leap day; 146,097 days are 400 years.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

/** Days since 1970-01-01; a day beyond its month's end counts on into the next. */
export function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The same day some months later, or the month's last if it has no such day. */
export function plusMonths(days: number, months: number): number {
  const { year, month, day } = civilOf(days);
  const count = year * 12 + month - 1 + months;
  const [toYear, toMonth] = [Math.floor(count / 12), (((count % 12) + 12) % 12) + 1];
  return daysOf(toYear, toMonth, Math.min(day, daysInMonth(toYear, toMonth)));
}

/** 1 for Monday to 7 for Sunday. */
export function isoDayOfWeek(days: number): number {
  return ((((days + 3) % 7) + 7) % 7) + 1;
}

/** The day, and the microseconds since its beginning. */
export function splitMicros(micros: bigint): { readonly days: number; readonly inDay: number } {
  const day = BigInt(DAY_US);
  const inDay = Number(((micros % day) + day) % day);
  return { days: Number((micros - BigInt(inDay)) / day), inDay };
}

export function joinMicros(days: number, inDay: number): bigint {
  return BigInt(days) * BigInt(DAY_US) + BigInt(inDay);
}
