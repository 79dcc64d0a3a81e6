// Dates, times and spans as numbers of their unit, and as texts: as Python writes them.

const DAY = 86_400;
const DATE = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](.+?))?(?:Z|\+00:00)?$/;
const CLOCK = /^(?:(-?\d+) days?,? \+?)?(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?$/;

/** The text of a whole number of `perSecond` units since 1970, midnight, or of time that passed. */
export function dateText(number, { what, perSecond, utc }) {
  const seconds = Math.floor(number / perSecond);
  const rest = number - seconds * perSecond;
  const micro = Math.floor(rest * (1e6 / perSecond));
  const days = Math.floor(seconds / DAY);
  const date = () => new Date(days * DAY * 1000).toISOString().slice(0, 10);
  if (what === "day") return date();
  const clock = clockText(seconds - days * DAY, micro, what !== "span");
  if (what === "moment") return `${date()}T${clock}${utc ? "+00:00" : ""}`;
  if (what === "time" || days === 0) return clock;
  return `${days} day${Math.abs(days) === 1 ? "" : "s"}, ${clock}`;
}

function clockText(seconds, micro, padded) {
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const fraction = micro ? `.${String(micro).padStart(6, "0")}` : "";
  return `${padded ? two(hours) : hours}:${two(minutes)}:${two(seconds % 60)}${fraction}`;
}

/** The number that such a text stands for; NaN where it is none. */
export function dateNumber(text, { what, perSecond }) {
  if (what === "time" || what === "span") return clockSeconds(text) * perSecond;
  const found = DATE.exec(text);
  if (!found) return Number.NaN;
  const [year, month, day] = found.slice(1, 4).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1) return Number.NaN;
  const clock = found[4] ? clockSeconds(found[4]) : 0;
  return (date.getTime() / 1000 + clock) * perSecond;
}

function clockSeconds(text) {
  const found = CLOCK.exec(text);
  if (!found) return Number.NaN;
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  if (minutes > 59 || seconds >= 60) return Number.NaN;
  return days * DAY + hours * 3600 + minutes * 60 + seconds;
}
