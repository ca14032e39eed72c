-- What is stored of lost rows: gone, unless their areas have other wards.
rollup_rows FINAL WHERE NOT gone AND (calendar, period, area_id, indicator) IN (<lost>)
