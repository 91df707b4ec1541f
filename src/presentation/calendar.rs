//! Days of the Gregorian calendar.

/// Year, month and day of the Gregorian calendar, from the number of days since 1970-01-01.
///
/// Days are counted in eras of 400 years that begin on a 1st of March, so the leap day is the last
/// of its year.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + carry, month, of_month)
}

/// The number of days since 1970-01-01 of a date of the years 1970 to 9999; `None` if there is no
/// such day.
#[cfg_attr(
    not(feature = "dash"),
    expect(dead_code, reason = "some formats count otherwise")
)]
pub(crate) fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The year begins on the 1st of March.
    let (year_of_era, month_of_year) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let leap_days = year_of_era / 4 - year_of_era / 100 + year_of_era / 400;
    let of_year = (153 * month_of_year + 2) / 5 + day - 1;
    let days = year_of_era * 365 + leap_days + of_year - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(all(test, feature = "dash"))]
mod tests {
    use super::*;

    #[test]
    fn every_day_comes_back_and_no_other_is_one() {
        for day in 0..2_932_897 {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        for (year, month, day) in [(2026, 2, 29), (2026, 4, 31), (2026, 13, 1), (1969, 12, 31)] {
            assert_eq!(days(year, month, day), None);
        }
    }
}
