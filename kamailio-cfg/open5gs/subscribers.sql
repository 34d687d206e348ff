-- The IMS subscribers of PyHSS as CSV for `user import` (MySQL, PostgreSQL, SQLite). Write your own domain (MNC with three digits):
--
--   mysql -h MYSQL_IP -u root -N -B ims_hss_db <subscribers.sql >people.csv
--   ipsmgw-user import people.csv
SELECT 'name,number,identities'
UNION ALL
SELECT replace(replace('imsi#1,#2,sip:#1@ims.mnc001.mcc001.3gppnetwork.org', '#1', imsi), '#2', msisdn)
  FROM ims_subscriber
 WHERE imsi <> '' AND msisdn <> '';
