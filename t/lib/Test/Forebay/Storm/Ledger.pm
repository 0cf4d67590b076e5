# SPDX-License-Identifier: Apache-2.0
#
# The ledger of a host, read from its file by the byte map of shared/README:
# quick enough to be read twenty times a second, and there also when the
# master is not.
package Test::Forebay::Storm::Ledger;

use strict;
use warnings;

my $MAGIC = 0x73796266;
my $ABI = 3;
my $ROW = 256;
my @STATES = qw(FREE RESOLVING IDLE HELD REVOKING RELEASED QUARANTINED);

# By "topic/partition": { state, slot, committed, acked, in_flight }; undef if
# there is no ledger, or one that is being made.
sub rows
{
	my ($path) = @_;
	my (%rows, $data);

	open(my $fh, '<:raw', $path) or return undef;
	my $size = -s $fh;

	return undef unless $size && sysread($fh, $data, $size) == $size &&
	    $size >= 64;
	my ($magic, $abi, undef, undef, undef, $nrows, undef, $rows_off,
	    $names_off) = unpack('L S S Q L L L L L', $data);

	return undef unless $magic == $MAGIC;
	die "$path: ABI $abi; this is written for $ABI\n" if $abi != $ABI;
	for (my $i = 0; $i < $nrows; $i++) {
		my $at = $rows_off + $i * $ROW;
		my ($slot, $state, $topic_off, $partition, $committed) =
		    unpack('L L L l q', substr($data, $at + 8, 24));

		next unless $topic_off;
		my ($acked, undef, $position) = unpack('q q q',
		    substr($data, $at + 64, 24));
		my $topic = unpack('Z*', substr($data,
		    $names_off + $topic_off, 250));

		$rows{"$topic/$partition"} = { state => $STATES[$state],
			slot => $slot, committed => $committed,
			acked => $acked, position => $position };
	}
	return \%rows;
}

# Records that are acked and not committed: what another host would repeat if
# this one were gone.
sub uncommitted
{
	my ($path) = @_;
	my $rows = rows($path) // return 0;
	my $sum = 0;

	for (values %$rows) {
		next if $_->{state} eq 'FREE' || $_->{state} eq 'RESOLVING';
		next if $_->{acked} < 0;
		my $from = $_->{committed} < 0 ? 0 : $_->{committed};

		$sum += $_->{acked} - $from if $_->{acked} > $from;
	}
	return $sum;
}

1;
